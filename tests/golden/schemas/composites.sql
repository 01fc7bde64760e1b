CREATE SCHEMA composites;
CREATE TYPE composites.kind AS ENUM ('home', 'work');
CREATE TYPE composites.place AS (lat float8, lon float8);
CREATE TYPE composites.address AS (street varchar(30), "post code" text, kind composites.kind, place composites.place);
COMMENT ON TYPE composites.address IS 'Where somebody is.';
COMMENT ON COLUMN composites.address.street IS 'Street and number.';
CREATE TABLE composites.person (
  id int PRIMARY KEY, home composites.address NOT NULL, others composites.address[] NOT NULL, place composites.place
);
CREATE TYPE composites.tally AS (count int, index int, "date" date, _x int);
CREATE TABLE composites.history (id int PRIMARY KEY, old composites.person, tally composites.tally);
