CREATE SCHEMA arrays;
CREATE TABLE arrays.bag (
  id int PRIMARY KEY, tags text[] NOT NULL, grid int[][] NOT NULL, cube int[][][], names varchar(5)[],
  prices numeric(5, 2)[], days date[], moments timestamptz[], keys uuid[], blobs bytea[], flags bool[],
  documents jsonb[], boxes box[], addresses inet[], spans int4range[], cash money[]
);
CREATE VIEW arrays.grids AS SELECT grid, array_agg(tags) AS tags FROM arrays.bag GROUP BY 1;
