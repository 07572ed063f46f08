-- Where in the log the events of an hour are, whatever order their times have: a span of time is found without reading it.
create table event_hour(
  tenant_key integer not null,
  hour text not null,
  first_position integer not null,
  last_position integer not null,
  primary key (tenant_key, hour)
) without rowid;
insert into event_hour
  select tenant_key, substr(at, 1, 13), min(position), max(position) from event group by 1, 2;

create index event_type on event(tenant_key, type, position);
