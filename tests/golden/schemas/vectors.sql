CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE SCHEMA vectors;
CREATE TABLE vectors.item (
  id int PRIMARY KEY, embedding public.vector(3) NOT NULL, any_length public.vector, half public.halfvec(2),
  sparse public.sparsevec(5), bits bit(4) NOT NULL
);
