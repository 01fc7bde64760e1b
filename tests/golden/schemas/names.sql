CREATE SCHEMA names;
CREATE TABLE names.field (
  id int PRIMARY KEY, "class" int, "class_" int, "None" int, "2fa" int, "with space" int, with_space int, "größe" int,
  "int" int, str text, list int, json int, copy int, schema int, model_dump int, model_config int, model_name int,
  _private int, __both__ int, "UPPER" int, "camelCase" int, "ﬁ" int, "日本" int, "💥" int, "a-b" int,
  "a.b" int, "quote""d" int, "back\slash" int, "{x}" int, "%s" int, date date, time time, datetime timestamp,
  timedelta interval, "Field" int, "Literal" int, "field" int, "self" int, "cls" int, "type" int, "Mood" int
);
CREATE TYPE names.mood AS ENUM ('a');
CREATE TABLE names.contact (id int PRIMARY KEY, mood names.mood);
CREATE TABLE names.contact_insert (id int PRIMARY KEY);
CREATE TABLE names.contact_update (id int PRIMARY KEY);
CREATE TABLE names."Contact" (id int PRIMARY KEY);
CREATE TABLE names."2nd" (id int PRIMARY KEY);
CREATE TABLE names."!!!" (id int PRIMARY KEY);
CREATE TABLE names."with space" (id int PRIMARY KEY);
CREATE TABLE names.with_space (id int PRIMARY KEY);
