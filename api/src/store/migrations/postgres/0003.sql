-- Where in the log the events of an hour are, whatever order their times have: a span of time is found without reading it.
create table event_hour(
  tenant_key bigint not null,
  hour text collate "C" not null,
  first_position bigint not null,
  last_position bigint not null,
  primary key (tenant_key, hour)
);
insert into event_hour
  select tenant_key, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24'), min(position), max(position) from event group by 1, 2;

create index event_type on event(tenant_key, type, position);

alter table event_hour enable row level security;
alter table event_hour force row level security;
create policy tenant_sees on event_hour for select using (
  (select current_setting('travessia.tenant', true)) = 'all'
  or tenant_key = (select key from ref where id = (select current_setting('travessia.tenant', true)))
);
create policy all_append on event_hour for insert with check (true);
create policy all_widen on event_hour for update using (true);
