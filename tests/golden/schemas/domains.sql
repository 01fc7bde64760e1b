CREATE SCHEMA domains;
CREATE DOMAIN domains.email AS varchar(40) NOT NULL CHECK (VALUE ~ '@') CHECK (length(VALUE) >= 3);
COMMENT ON DOMAIN domains.email IS 'Where mail goes.';
CREATE DOMAIN domains.percent AS numeric(5, 2) CHECK (VALUE >= 0 AND VALUE <= 100);
CREATE DOMAIN domains.half AS domains.percent CHECK (VALUE <= 50);
CREATE DOMAIN domains.state AS text DEFAULT 'new' CHECK (VALUE IN ('new', 'done'));
CREATE DOMAIN domains.tags AS text[];
CREATE DOMAIN domains.rating AS smallint CHECK (VALUE BETWEEN 1 AND 5);
CREATE TABLE domains.account (
  id int PRIMARY KEY, email domains.email, share domains.percent NOT NULL, half domains.half,
  state domains.state NOT NULL, tags domains.tags, rating domains.rating, emails domains.rating[]
);
