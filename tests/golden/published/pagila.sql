-- The objects of the Pagila sample database (a Postgres port of Sakila) that say something of a type, and a few rows.
CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN year AS integer CONSTRAINT year_check CHECK (VALUE >= 1901 AND VALUE <= 2155);
CREATE DOMAIN bigint_positive AS bigint CHECK (VALUE > 0);
CREATE SEQUENCE actor_actor_id_seq;
CREATE TABLE actor (actor_id integer DEFAULT nextval('actor_actor_id_seq') PRIMARY KEY, first_name text NOT NULL,
  last_name text NOT NULL, last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE language (language_id serial PRIMARY KEY, name character(20) NOT NULL, last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, description text, release_year year,
  language_id integer NOT NULL REFERENCES language ON UPDATE CASCADE ON DELETE RESTRICT,
  original_language_id integer REFERENCES language, rental_duration smallint DEFAULT 3 NOT NULL,
  rental_rate numeric(4, 2) DEFAULT 4.99 NOT NULL, length smallint, replacement_cost numeric(5, 2) DEFAULT 19.99 NOT NULL,
  rating mpaa_rating DEFAULT 'G', last_update timestamptz DEFAULT now() NOT NULL, special_features text[],
  fulltext tsvector NOT NULL);
CREATE INDEX film_fulltext_idx ON film USING gist (fulltext);
CREATE INDEX idx_title ON film (title);
CREATE TABLE category (category_id serial PRIMARY KEY, name text NOT NULL, last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE film_actor (actor_id integer NOT NULL REFERENCES actor, film_id integer NOT NULL REFERENCES film,
  last_update timestamptz DEFAULT now() NOT NULL, PRIMARY KEY (actor_id, film_id));
CREATE TABLE film_category (film_id integer NOT NULL REFERENCES film, category_id integer NOT NULL REFERENCES category,
  last_update timestamptz DEFAULT now() NOT NULL, PRIMARY KEY (film_id, category_id));
CREATE TABLE country (country_id serial PRIMARY KEY, country text NOT NULL, last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE city (city_id serial PRIMARY KEY, city text NOT NULL, country_id integer NOT NULL REFERENCES country,
  last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE address (address_id serial PRIMARY KEY, address text NOT NULL, address2 text, district text NOT NULL,
  city_id integer NOT NULL REFERENCES city, postal_code text, phone text NOT NULL, last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE store (store_id serial PRIMARY KEY, manager_staff_id integer NOT NULL, address_id integer NOT NULL REFERENCES address,
  last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE staff (staff_id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL,
  address_id integer NOT NULL REFERENCES address, email text, store_id integer NOT NULL REFERENCES store,
  active boolean DEFAULT true NOT NULL, username text NOT NULL, password text, last_update timestamptz DEFAULT now() NOT NULL,
  picture bytea);
CREATE TABLE customer (customer_id serial PRIMARY KEY, store_id integer NOT NULL REFERENCES store, first_name text NOT NULL,
  last_name text NOT NULL, email text, address_id integer NOT NULL REFERENCES address, activebool boolean DEFAULT true NOT NULL,
  create_date date DEFAULT CURRENT_DATE NOT NULL, last_update timestamptz DEFAULT now(), active integer);
CREATE TABLE inventory (inventory_id serial PRIMARY KEY, film_id integer NOT NULL REFERENCES film,
  store_id integer NOT NULL REFERENCES store, last_update timestamptz DEFAULT now() NOT NULL);
CREATE TABLE rental (rental_id serial PRIMARY KEY, rental_date timestamptz NOT NULL, inventory_id integer NOT NULL REFERENCES inventory,
  customer_id integer NOT NULL REFERENCES customer, return_date timestamptz, staff_id integer NOT NULL REFERENCES staff,
  last_update timestamptz DEFAULT now() NOT NULL);
CREATE UNIQUE INDEX idx_unq_rental ON rental (rental_date, inventory_id, customer_id);
CREATE TABLE payment (payment_id serial, customer_id integer NOT NULL, staff_id integer NOT NULL, rental_id integer NOT NULL,
  amount numeric(5, 2) NOT NULL, payment_date timestamptz NOT NULL, PRIMARY KEY (payment_date, payment_id))
  PARTITION BY RANGE (payment_date);
CREATE TABLE payment_p2022_01 PARTITION OF payment FOR VALUES FROM ('2022-01-01 00:00:00+00') TO ('2022-02-01 00:00:00+00');
CREATE VIEW actor_info AS SELECT a.actor_id, a.first_name, a.last_name, string_agg(f.title, ', ') AS film_info
  FROM actor a LEFT JOIN film_actor fa USING (actor_id) LEFT JOIN film f USING (film_id) GROUP BY 1, 2, 3;
CREATE VIEW film_list AS SELECT f.film_id AS fid, f.title, f.description, c.name AS category, f.rental_rate AS price,
  f.length, f.rating FROM category c LEFT JOIN film_category USING (category_id) LEFT JOIN film f USING (film_id);
CREATE MATERIALIZED VIEW rental_by_category AS SELECT c.name AS category, sum(f.rental_rate) AS total_sales
  FROM film f JOIN film_category USING (film_id) JOIN category c USING (category_id) GROUP BY 1 WITH NO DATA;
INSERT INTO language (name) VALUES ('English');
INSERT INTO actor (first_name, last_name) VALUES ('PENELOPE', 'GUINESS');
INSERT INTO film (title, description, release_year, language_id, length, rating, special_features, fulltext)
  VALUES ('ACADEMY DINOSAUR', 'An epic drama', 2012, 1, 86, 'PG-13', '{Deleted Scenes,Behind the Scenes}', 'academi:1 dinosaur:2');
INSERT INTO category (name) VALUES ('Action');
INSERT INTO film_actor VALUES (1, 1);
INSERT INTO film_category VALUES (1, 1);
INSERT INTO country (country) VALUES ('Österreich');
INSERT INTO city (city, country_id) VALUES ('Linz', 1);
INSERT INTO address (address, district, city_id, phone) VALUES ('47 MySakila Drive', 'Alberta', 1, '');
INSERT INTO store (manager_staff_id, address_id) VALUES (1, 1);
INSERT INTO staff (first_name, last_name, address_id, store_id, username, picture) VALUES ('Mike', 'Hillyer', 1, 1, 'Mike', '\x89504e');
INSERT INTO customer (store_id, first_name, last_name, address_id, active) VALUES (1, 'MARY', 'SMITH', 1, 1);
INSERT INTO inventory (film_id, store_id) VALUES (1, 1);
INSERT INTO rental (rental_date, inventory_id, customer_id, staff_id) VALUES ('2022-01-05 10:00+00', 1, 1, 1);
INSERT INTO payment (customer_id, staff_id, rental_id, amount, payment_date) VALUES (1, 1, 1, 5.99, '2022-01-24 21:40:19+00');
REFRESH MATERIALIZED VIEW rental_by_category;
