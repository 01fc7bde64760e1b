CREATE SCHEMA checks;
CREATE TABLE checks.product (
  id int PRIMARY KEY CHECK (id > 0),
  state text NOT NULL CHECK (state IN ('new', 'it''s', 'back\slash')),
  grade varchar(2) CHECK (grade = 'a' OR grade = 'b' OR grade IS NULL),
  sex char(1) CHECK (sex IN ('m', 'f')),
  size char(3) CHECK (size IN ('s', 'xxl')),
  level smallint CHECK (level IN (1, 2, -3)),
  stars int CHECK (stars BETWEEN 1 AND 5),
  amount numeric(8, 2) CHECK (amount >= 0),
  weight float8 CHECK (weight > 0.5 AND weight < 1e3),
  rate float4 CHECK (rate <= 0.1),
  name text CHECK (length(name) >= 2 AND char_length(name) <= 10),
  slug text CHECK (slug <> ''),
  old int,
  low int, high int CHECK (low < high), CHECK (low >= 0 AND high <= 10),
  free text CHECK (free ~ '^x')
);
ALTER TABLE checks.product ADD CONSTRAINT old_is_small CHECK (old < 10) NOT VALID;
