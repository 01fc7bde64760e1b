-- What `rails new` with Active Storage, Action Text, Action Mailbox and Solid Queue has `db:prepare` make, and a few rows.
CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (key character varying NOT NULL PRIMARY KEY, value character varying,
  created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL);
CREATE TABLE active_storage_blobs (id bigserial PRIMARY KEY, key character varying NOT NULL, filename character varying NOT NULL,
  content_type character varying, metadata text, service_name character varying NOT NULL, byte_size bigint NOT NULL,
  checksum character varying, created_at timestamp(6) without time zone NOT NULL);
CREATE UNIQUE INDEX index_active_storage_blobs_on_key ON active_storage_blobs USING btree (key);
CREATE TABLE active_storage_attachments (id bigserial PRIMARY KEY, name character varying NOT NULL,
  record_type character varying NOT NULL, record_id bigint NOT NULL,
  blob_id bigint NOT NULL CONSTRAINT fk_rails_c3b3935057 REFERENCES active_storage_blobs,
  created_at timestamp(6) without time zone NOT NULL);
CREATE UNIQUE INDEX index_active_storage_attachments_uniqueness ON active_storage_attachments
  USING btree (record_type, record_id, name, blob_id);
CREATE TABLE active_storage_variant_records (id bigserial PRIMARY KEY, blob_id bigint NOT NULL REFERENCES active_storage_blobs,
  variation_digest character varying NOT NULL);
CREATE TABLE action_text_rich_texts (id bigserial PRIMARY KEY, name character varying NOT NULL, body text,
  record_type character varying NOT NULL, record_id bigint NOT NULL, created_at timestamp(6) without time zone NOT NULL,
  updated_at timestamp(6) without time zone NOT NULL);
CREATE TABLE action_mailbox_inbound_emails (id bigserial PRIMARY KEY, status integer DEFAULT 0 NOT NULL,
  message_id character varying NOT NULL, message_checksum character varying NOT NULL,
  created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL);
CREATE TABLE solid_queue_jobs (id bigserial PRIMARY KEY, queue_name character varying NOT NULL, class_name character varying NOT NULL,
  arguments text, priority integer DEFAULT 0 NOT NULL, active_job_id character varying, scheduled_at timestamp(6) without time zone,
  finished_at timestamp(6) without time zone, concurrency_key character varying,
  created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL);
CREATE TABLE users (id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, email character varying DEFAULT '' NOT NULL,
  encrypted_password character varying DEFAULT '' NOT NULL, sign_in_count integer DEFAULT 0 NOT NULL, last_sign_in_ip inet,
  settings jsonb DEFAULT '{}' NOT NULL, tags character varying[] DEFAULT '{}', type character varying,
  created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL);
INSERT INTO schema_migrations VALUES ('20240101000000');
INSERT INTO ar_internal_metadata VALUES ('environment', 'development', '2024-01-01', '2024-01-01 00:00:00.123456');
INSERT INTO active_storage_blobs (key, filename, metadata, service_name, byte_size, created_at)
  VALUES ('k', 'f.png', '{"identified":true}', 'local', 4294967296, '2024-01-01');
INSERT INTO active_storage_attachments (name, record_type, record_id, blob_id, created_at) VALUES ('a', 'User', 1, 1, '2024-01-01');
INSERT INTO active_storage_variant_records (blob_id, variation_digest) VALUES (1, 'd');
INSERT INTO action_text_rich_texts (name, record_type, record_id, created_at, updated_at) VALUES ('n', 'Post', 1, '2024-01-01', '2024-01-01');
INSERT INTO action_mailbox_inbound_emails (message_id, message_checksum, created_at, updated_at) VALUES ('m', 'c', '2024-01-01', '2024-01-01');
INSERT INTO solid_queue_jobs (queue_name, class_name, created_at, updated_at) VALUES ('default', 'Job', '2024-01-01', '2024-01-01');
INSERT INTO users (email, last_sign_in_ip, settings, tags, created_at, updated_at)
  VALUES ('a@b', '10.0.0.1', '{"a": [1]}', '{x,y}', '2024-01-01', '2024-01-01');
