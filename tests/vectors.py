"""Clustered vectors with a fixed seed, and their exact answers by numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import psycopg

from mastra_cli.runtime._sync.vector import SyncPgVector


@dataclass
class Clustered:
    """Vectors around centres. `cluster[i]` is the centre of vector i."""

    centres: np.ndarray
    cluster: np.ndarray
    vectors: np.ndarray
    spread: float
    seed: int

    @classmethod
    def make(cls, count: int, dimension: int, clusters: int, spread: float = 0.5, seed: int = 7) -> Clustered:
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(clusters, dimension)).astype("f4")
        cluster = rng.integers(0, clusters, count)
        noise = rng.normal(size=(count, dimension))
        return cls(centres, cluster, (centres[cluster] + spread * noise).astype("f4"), spread, seed)

    def questions(self, count: int, seed: int = 11) -> np.ndarray:
        """New vectors of the same kind."""
        rng = np.random.default_rng(seed)
        at = self.centres[rng.integers(0, len(self.centres), count)]
        return (at + self.spread * rng.normal(size=at.shape)).astype("f4")

    def by_distance(self, question: np.ndarray) -> np.ndarray:
        """The clusters, the one nearest to the question first."""
        return np.argsort(distances(self.centres, question, "cosine"))


def distances(vectors: np.ndarray, question: np.ndarray, metric: str) -> np.ndarray:
    """What pgvector's operator says, in float64."""
    v, q = np.asarray(vectors, "f8"), np.asarray(question, "f8")
    match metric:
        case "cosine":
            return 1 - v @ q / (np.linalg.norm(v, axis=1) * np.linalg.norm(q))
        case "euclidean":
            return np.linalg.norm(v - q, axis=1)
        case "dotproduct":
            return -(v @ q)
        case "l1":
            return np.abs(v - q).sum(axis=1)
        case "hamming":
            return (v != q).sum(axis=1).astype("f8")
        case "jaccard":
            both, either = np.minimum(v, q).sum(axis=1), np.maximum(v, q).sum(axis=1)
            return 1 - both / np.where(either == 0, 1, either)
    raise AssertionError(metric)


def scores(vectors: np.ndarray, question: np.ndarray, metric: str) -> np.ndarray:
    """What the page says a score is."""
    away = distances(vectors, question, metric)
    match metric:
        case "cosine" | "jaccard":
            return 1 - away
        case "dotproduct":
            return -away
        case "hamming":
            return 1 - away / vectors.shape[1]
    return 1 / (1 + away)


def nearest(vectors: np.ndarray, question: np.ndarray, count: int, metric: str = "cosine") -> list[int]:
    return np.argsort(distances(vectors, question, metric), kind="stable")[:count].tolist()


COUNT = 6_000
DATA = Clustered.make(COUNT, 16, 30)


def load(url: str) -> None:
    """DATA in the index `docs`: ids v0, v1, ...; metadata knows the number, the cluster, and which are odd."""
    with SyncPgVector(connection_string=url) as vector:
        vector.create_index(index_name="docs", dimension=16, build_index=False)
        vector.upsert(
            index_name="docs",
            vectors=DATA.vectors,
            ids=[f"v{i}" for i in range(COUNT)],
            metadata=[{"n": i, "cluster": int(DATA.cluster[i]), "odd": i % 2 == 1} for i in range(COUNT)],
        )
        vector.build_index(index_name="docs")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE mastra.docs")
