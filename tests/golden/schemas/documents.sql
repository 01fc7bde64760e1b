CREATE SCHEMA documents;
CREATE TABLE documents.page (
  id int PRIMARY KEY, body jsonb NOT NULL, meta json, size jsonb, bad jsonb, page jsonb, field jsonb
);
COMMENT ON COLUMN documents.page.size IS 'How big. @type tests.golden.shapes.Size';
COMMENT ON COLUMN documents.page.page IS '@type tests.golden.shapes.DocumentsPage';
COMMENT ON COLUMN documents.page.field IS '@type tests.golden.shapes.Field';
COMMENT ON COLUMN documents.page.bad IS '@type os;import.sys';
