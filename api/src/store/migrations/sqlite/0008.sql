-- The time of an event stands in its text and nowhere else (ADR 33): read from there where a span of time ends inside an hour.
alter table event drop column at;
alter table event add column at integer as (
  case when json_valid(body) then cast(round(unixepoch(json_extract(body, '$.at'), 'subsec') * 1000) as integer) end) virtual;
