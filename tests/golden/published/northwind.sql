-- The tables of the Northwind sample database, as its Postgres port declares them, and a row of each.
CREATE TABLE categories (category_id smallint PRIMARY KEY, category_name varchar(15) NOT NULL, description text, picture bytea);
CREATE TABLE customer_demographics (customer_type_id bpchar PRIMARY KEY, customer_desc text);
CREATE TABLE customers (customer_id bpchar PRIMARY KEY, company_name varchar(40) NOT NULL, contact_name varchar(30),
  contact_title varchar(30), address varchar(60), city varchar(15), region varchar(15), postal_code varchar(10),
  country varchar(15), phone varchar(24), fax varchar(24));
CREATE TABLE customer_customer_demo (customer_id bpchar NOT NULL REFERENCES customers,
  customer_type_id bpchar NOT NULL REFERENCES customer_demographics, PRIMARY KEY (customer_id, customer_type_id));
CREATE TABLE employees (employee_id smallint PRIMARY KEY, last_name varchar(20) NOT NULL, first_name varchar(10) NOT NULL,
  title varchar(30), title_of_courtesy varchar(25), birth_date date, hire_date date, address varchar(60), city varchar(15),
  region varchar(15), postal_code varchar(10), country varchar(15), home_phone varchar(24), extension varchar(4),
  photo bytea, notes text, reports_to smallint REFERENCES employees, photo_path varchar(255));
CREATE TABLE suppliers (supplier_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, contact_name varchar(30),
  contact_title varchar(30), address varchar(60), city varchar(15), region varchar(15), postal_code varchar(10),
  country varchar(15), phone varchar(24), fax varchar(24), homepage text);
CREATE TABLE products (product_id smallint PRIMARY KEY, product_name varchar(40) NOT NULL,
  supplier_id smallint REFERENCES suppliers, category_id smallint REFERENCES categories, quantity_per_unit varchar(20),
  unit_price real, units_in_stock smallint, units_on_order smallint, reorder_level smallint, discontinued integer NOT NULL);
CREATE TABLE region (region_id smallint PRIMARY KEY, region_description bpchar NOT NULL);
CREATE TABLE shippers (shipper_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, phone varchar(24));
CREATE TABLE orders (order_id smallint PRIMARY KEY, customer_id bpchar REFERENCES customers,
  employee_id smallint REFERENCES employees, order_date date, required_date date, shipped_date date,
  ship_via smallint REFERENCES shippers, freight real, ship_name varchar(40), ship_address varchar(60),
  ship_city varchar(15), ship_region varchar(15), ship_postal_code varchar(10), ship_country varchar(15));
CREATE TABLE territories (territory_id varchar(20) PRIMARY KEY, territory_description bpchar NOT NULL,
  region_id smallint NOT NULL REFERENCES region);
CREATE TABLE employee_territories (employee_id smallint NOT NULL REFERENCES employees,
  territory_id varchar(20) NOT NULL REFERENCES territories, PRIMARY KEY (employee_id, territory_id));
CREATE TABLE order_details (order_id smallint NOT NULL REFERENCES orders, product_id smallint NOT NULL REFERENCES products,
  unit_price real NOT NULL, quantity smallint NOT NULL, discount real NOT NULL, PRIMARY KEY (order_id, product_id));
CREATE TABLE us_states (state_id smallint PRIMARY KEY, state_name varchar(100), state_abbr varchar(2), state_region varchar(50));
INSERT INTO categories VALUES (1, 'Beverages', 'Soft drinks, coffees', '\x00ff');
INSERT INTO customer_demographics VALUES ('t', NULL);
INSERT INTO customers VALUES ('ALFKI', 'Alfreds Futterkiste', 'Maria Anders', 'Sales', 'Obere Str. 57', 'Berlin', NULL,
  '12209', 'Germany', '030-0074321', '030-0076545');
INSERT INTO customer_customer_demo VALUES ('ALFKI', 't');
INSERT INTO employees (employee_id, last_name, first_name, birth_date, photo) VALUES (2, 'Fuller', 'Andrew', '1952-02-19', '\x');
INSERT INTO employees (employee_id, last_name, first_name, reports_to) VALUES (1, 'Davolio', 'Nancy', 2);
INSERT INTO suppliers (supplier_id, company_name, homepage) VALUES (1, 'Exotic Liquids', '#CAJUN.HTM#');
INSERT INTO products VALUES (1, 'Chai', 1, 1, '10 boxes x 30 bags', 18.4, 39, 0, 10, 1);
INSERT INTO region VALUES (1, 'Eastern');
INSERT INTO shippers VALUES (1, 'Speedy Express', '(503) 555-9831');
INSERT INTO orders (order_id, customer_id, employee_id, order_date, ship_via, freight) VALUES (10248, 'ALFKI', 1, '1996-07-04', 1, 32.38);
INSERT INTO territories VALUES ('01581', 'Westboro', 1);
INSERT INTO employee_territories VALUES (1, '01581');
INSERT INTO order_details VALUES (10248, 1, 14.4, 12, 0.05);
INSERT INTO us_states VALUES (1, 'Alabama', 'AL', 'south');
