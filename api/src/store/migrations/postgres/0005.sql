-- What agents have confirmed of their tenant's tree (ADR 23). Never changed, as little as what they confirm.
create table cosignature(
  tenant_key bigint not null,
  agent_key bigint not null,
  size bigint not null,
  line text not null,
  note_key text not null,
  at text not null,
  primary key (tenant_key, agent_key, size)
);
create trigger cosignature_is_never_changed before update or delete on cosignature
  for each row execute function refuse_change();
create trigger cosignature_is_never_emptied before truncate on cosignature
  for each statement execute function refuse_change();
alter table cosignature enable row level security;
alter table cosignature force row level security;
create policy tenant_sees on cosignature for select using (
  (select current_setting('travessia.tenant', true)) = 'all'
  or tenant_key = (select key from ref where id = (select current_setting('travessia.tenant', true)))
);
create policy all_append on cosignature for insert with check (true);
