CREATE SCHEMA scalars;
CREATE TABLE scalars.number (
  id int PRIMARY KEY, small int2, big int8 NOT NULL, single float4, double float8 NOT NULL, plain numeric,
  price numeric(5, 2) NOT NULL, ratio numeric(2, 4), thousands numeric(5, -3), flag bool NOT NULL, object oid
);
CREATE TABLE scalars.text (
  id int PRIMARY KEY, body text NOT NULL, title varchar(20) NOT NULL, code char(4), letter "char", label name,
  data bytea NOT NULL, document xml, bits bit(3), more_bits varbit(5), cash money, mac macaddr, mac8 macaddr8
);
CREATE TABLE scalars.moment (
  id int PRIMARY KEY, day date NOT NULL, clock time NOT NULL, zoned_clock timetz, naive timestamp NOT NULL,
  aware timestamptz NOT NULL, lasting interval NOT NULL, key uuid NOT NULL
);
CREATE TABLE scalars.various (
  id int PRIMARY KEY, address inet NOT NULL, network cidr, spot point, way path, shape polygon, disc circle,
  edge lseg, frame box, ruler line, words tsvector, question tsquery, path_in jsonpath, position pg_lsn,
  class regclass, seen xid8
);
