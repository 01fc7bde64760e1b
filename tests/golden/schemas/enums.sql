CREATE SCHEMA enums;
CREATE TYPE enums.mood AS ENUM ('sad', 'ok', 'very happy', 'it''s', '"x"', 'back\slash', '');
COMMENT ON TYPE enums.mood IS 'How it feels.';
CREATE TYPE enums.empty AS ENUM ();
CREATE TABLE enums.person (
  id int PRIMARY KEY, mood enums.mood NOT NULL, moods enums.mood[] NOT NULL, maybe enums.mood, none enums.empty
);
