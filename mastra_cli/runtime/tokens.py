"""How many tokens a text, or a message, may cost: an estimate for whoever brings no tokenizer.

Checked against OpenAI's `cl100k_base` and `o200k_base`: Chinese, Japanese and Korean are never undercounted;
prose, code and JSON in other scripts come out near the truth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.parts import Part, as_text, is_blocks, result_text, told

# What the providers ask for an image of full size; a counter of text can not look at it.
IMAGE_TOKENS = 1_600
_BASE64_PER_TOKEN = 40
MAX_TOKENS = 2**31 - 1

# What costs one token each in both vocabularies; other characters of these scripts cost two or three.
_CHEAP = (
    "　、。《》「」『』【】〜あいうえおかがきくけこごさざしじすせそただちっつてでとどなにのはばまみめもや"
    "よらりるれろわをんアィイウェエオカキクグコサシジスズセタダチッテデトドナニバパビピフブプペポマムメャ"
    "ュョラリルレロン・ー一万三上下不与专业东两个中串为主么义之也书了事二于五些交产享京人亿今介从他付代以"
    "们件价任份企优会传但位体何余作你使例供価保信修倍值停像元先入全公共关其具内円册再写出击分列则初利别到"
    "制前力功加务动動包化北区十午华单南即历原去县参及友反发取变口只可台右号司合同名后向否含听启告员周命和"
    "品哈商問器四回因国图土在地场址型城基報場填增声处备复外多大天失头女好如始子字存学安宋完定实审客家容密"
    "对导将小少尔就局展山岁州工左已市布常平年并广序库应店度建开异式引张当录形影径待後得微心必志态思性总息"
    "您情意感成我或户所手打找技投报拉持指按换据排接推提播支收改放政效数整文料断新方族无日时明易星是時景更"
    "最月有服期木未本机权束条来板构析果查标样核格案检模次款止正此步歳段每比民気水求江汽没治法注活流海消清"
    "游源火点無然片版物特率环现球理生用由电男画界番登的监目直相省看県真知码确示社票私种科秒称移程稍税稿空"
    "立站章端笑符第等签简算管箱米类系素索约级线组经结给络统编网置美老考者而联能自至色节英藏行表装西要見见"
    "规视角解言計記話読计认议记论设证评试话询该详语误说请读调象责败账货购费资起超路身车转软载辑输达过运近"
    "还这进连述退送选通速造連道邮部都配释里重量金钟钮链销错键长開間関门闭问间队阳陆限院除雅集雷需非面音页"
    "项预频题额首验高黑가간값개거게결경고공과구그글기나내는능니다당대도동되된드든들디라래러력로록료류른를"
    "름리만메면명목문미버번보복부분비사산상색생서성세션소수스습시식신아야어에여열오와요용우운원위으은을음"
    "의이인일임입자작장재적전정제져조주지진째체출치크태터턴트튼하한할함해호화환회！（），－．／０１２３４"
    "５６７８９：；＞？＾～"
)
# One bit for each block of 64 characters: whether none of them costs more than two tokens.
_HAN = 0x4800024F3FFC108FE0FFE7CE0201BF8F7C36FFF63E31C3121FFFF02BFFF6FF1BFF87E0BFB87BFFEBFF
_HANGUL = 0x320141A024500D17FE00C7C014D86EBC019AC3403AF

# Characters by kind: letters, digits, marks, the space, other white space.
_KINDS = bytes(
    ord("a" if c.isalpha() else "0" if c.isdigit() else " " if c == " " else "n" if c.isspace() else ".")
    for c in map(chr, range(128))
) + bytes(128)
# Where a token begins: a word, a number, marks, white space; a single space goes with what follows.
_STARTS = (
    *(before + kind for kind in (b"a", b"0", b".", b"n") for before in (b" ", b"a", b"0", b".", b"n")
      if before != kind),
    b"  a", b"  0", b"  .",
)  # fmt: skip
# Where a long one goes on: a number of more than three digits, marks of more than two.
_LONG = (b"0000", b"...")
_RUN = b"a" * 32
_ENCODED = re.compile(rb"[a0]{32,}")
_MARKED = re.compile("[\u00c0-\u024f]")


def estimate_tokens(text: str) -> int:
    """About how many tokens a model sees in the text; 0 for the empty text alone."""
    if not text:
        return 0
    quarters, word = 0, 7
    if not text.isascii():
        quarters = sum(map(_QUARTERS.__getitem__, text))
        if _MARKED.search(text):  # not English: the vocabularies know fewer of its words
            word = 4
    return max(1, _count_ascii(text.encode("ascii", "ignore"), word) + (quarters + 3) // 4)


def _count_ascii(text: bytes, word: int) -> int:
    """`word`: how many letters of a word make a token."""
    kinds = b" " + text.translate(_KINDS)
    encoded = 0
    if _RUN in kinds.replace(b"0", b"a"):  # base64, a hash: a token for three letters of four
        encoded = sum(len(run) for run in _ENCODED.findall(kinds)) * 3 // 4
        kinds = _ENCODED.sub(b" ", kinds)
    return encoded + sum(map(kinds.count, _STARTS)) + sum(map(kinds.count, (b"a" * (word + 1), *_LONG)))


class _Quarters(dict[str, int]):
    """What a character costs, in quarters of a token, worked out at first sight; ASCII costs nothing here."""

    def __missing__(self, character: str) -> int:
        cost = self[character] = _quarters(ord(character))
        return cost


def _quarters(code: int) -> int:
    if code < 0x80:
        return 0
    if code < 0x900:  # alphabets: Latin with marks, Greek, Cyrillic, Hebrew, Arabic
        return 3
    if 0x4E00 <= code < 0xA000:
        return 8 if _HAN >> (code - 0x4E00 >> 6) & 1 else 12
    if 0xAC00 <= code < 0xD7A4:
        return 8 if _HANGUL >> (code - 0xAC00 >> 6) & 1 else 12
    if 0x900 <= code < 0x1100:  # the scripts of South and South-East Asia
        return 5
    if (
        0x2000 <= code < 0x2070 or 0x3000 <= code < 0x3100 or 0xFF01 <= code < 0xFF61
    ):  # marks, kana, full width
        return 8
    return 12 if code < 0x10000 else 16


_QUARTERS = _Quarters(dict.fromkeys(_CHEAP, 4))


def count_tokens(parts: Iterable[Part], counter: Callable[[str], int]) -> int:
    """What a message of these parts costs by that counter."""
    tokens = sum(_part_cost(part, counter) for part in parts)
    if tokens > MAX_TOKENS:
        raise InvalidArgument(f"a message may have {MAX_TOKENS:,} tokens at most")
    return tokens


def _part_cost(part: Part, counter: Callable[[str], int]) -> int:
    match part["type"]:
        case "text":
            text = as_text(part.get("text", ""))
            return _counted(text, counter) if text else 0
        case "tool-call":
            texts = [as_text(part.get("tool_name") or ""), as_text(part.get("args", {}))]
            return max(1, sum(_counted(text, counter) for text in texts if text))
        case "tool-result":
            result = part.get("result")
            blocks = result if is_blocks(result) else []
            images = sum(IMAGE_TOKENS for block in blocks if block["type"] != "text")
            text = result_text(result)
            return max(1, images + (_counted(text, counter) if text else 0))
        case "image":
            return IMAGE_TOKENS
        case "reasoning":  # one's own, which goes to nobody
            return 1
        case "file":
            return max(IMAGE_TOKENS, len(as_text(part.get("data") or "")) // _BASE64_PER_TOKEN)
        case kind if kind.endswith(("_call", "_call_output")):  # told, not shown
            return max(1, _counted(told(part), counter))
        case _:
            return max(1, _counted(json.dumps(part, ensure_ascii=False), counter))


def _counted(text: str, counter: Callable[[str], int]) -> int:
    tokens = counter(text)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(f"token_counter must answer a whole number from 0 on, and answered {tokens!r}")
    return tokens
