CREATE SCHEMA ranges;
CREATE TYPE ranges.floats AS RANGE (subtype = float8);
CREATE TYPE ranges.words AS RANGE (subtype = text, collation = "C");
CREATE TABLE ranges.booking (
  id int PRIMARY KEY, seats int4range NOT NULL, ids int8range, prices numrange, days daterange NOT NULL,
  naive tsrange, aware tstzrange, many datemultirange NOT NULL, own ranges.floats, names ranges.words,
  own_many ranges.floats_multirange, own_list ranges.floats[]
);
