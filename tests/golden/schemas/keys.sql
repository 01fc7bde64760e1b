CREATE SCHEMA keys;
CREATE TABLE keys.company (id int PRIMARY KEY, name text NOT NULL UNIQUE, tax text, country text, UNIQUE (tax, country));
COMMENT ON TABLE keys.company IS 'A company that we sell to.';
COMMENT ON COLUMN keys.company.name IS 'As it is registered.';
CREATE TABLE keys.employee (
  company_id int REFERENCES keys.company, number int, boss_company int, boss int, email text NOT NULL,
  PRIMARY KEY (company_id, number), FOREIGN KEY (boss_company, boss) REFERENCES keys.employee (company_id, number)
);
CREATE INDEX employee_email ON keys.employee (lower(email)) WHERE boss IS NULL;
CREATE UNIQUE INDEX employee_unique ON keys.employee USING btree (email DESC) INCLUDE (boss);
CREATE TABLE keys.measure (at date NOT NULL, value int) PARTITION BY RANGE (at);
CREATE TABLE keys.measure_2020 PARTITION OF keys.measure FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE keys.base (id int PRIMARY KEY);
CREATE TABLE keys.child (extra text) INHERITS (keys.base);
