-- Signed heads of each tenant's tree (STORE 3.4). What was signed once is never changed, and never contradicted.
create table checkpoint(
  tenant_key bigint not null,
  size bigint not null,
  root bytea not null,
  note text not null,
  at text not null,
  primary key (tenant_key, size)
);
create trigger checkpoint_is_never_changed before update or delete on checkpoint
  for each row execute function refuse_change();
create trigger checkpoint_is_never_emptied before truncate on checkpoint
  for each statement execute function refuse_change();
alter table checkpoint enable row level security;
alter table checkpoint force row level security;
create policy tenant_sees on checkpoint for select using (
  (select current_setting('travessia.tenant', true)) = 'all'
  or tenant_key = (select key from ref where id = (select current_setting('travessia.tenant', true)))
);
create policy all_append on checkpoint for insert with check (true);
