-- Lists by a device and types, one walk a type (ADR 36). A device is one tenant's alone: with the tenant before it an entry is longer than
-- 16 bytes, and takes 69 instead of 40 (ADR 33).
create index event_device_type on event(device_key, type_key, position) where device_key is not null;
