/**
 * What must never be in the log: password hashes, hashes of sign-ins, codes and cookies, sealed keys and
 * credentials. One small SQLite file, durable at each commit; killed at any line it holds the old or the new row.
 */
import { DatabaseSync } from 'node:sqlite'

const tables = `
create table if not exists user(
  id text primary key, tenant text not null, email text not null unique, name text not null,
  language text not null, password text not null, disabled integer not null default 0);
create table if not exists login(
  id text primary key, hash text not null unique, user text not null, created_at integer not null,
  expires_at integer not null);
create index if not exists login_user on login(user);
create table if not exists pairing_code(
  hash text primary key, tenant text not null, installation text not null, user text not null,
  expires_at integer not null);
create table if not exists agent_key(
  agent text primary key, tenant text not null, installation text not null, public_key text not null,
  encryption_key text, token_not_before integer not null, revoked integer not null default 0);
create table if not exists used_proof(jti text primary key, expires_at integer not null);
create table if not exists sealed(
  id text primary key, tenant text not null, version integer not null, box blob not null);
create table if not exists feed_place(
  feed text primary key, position integer not null, delivered_at text, failing_since text, error text);
create table if not exists damage(tenant text primary key, log_index integer);
create table if not exists session_secret(
  session text primary key, ticket_hash text, ticket_expires_at integer, cookie_hash text);
`

export function openSecretsDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000')
  // What was removed is overwritten: an erased key or name is not in the file any more.
  database.exec('pragma secure_delete = on')
  database.exec(tables)
  return database
}
