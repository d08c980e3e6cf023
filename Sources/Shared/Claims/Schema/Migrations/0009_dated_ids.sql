-- The first day, in days since 1970, whose claim ids carry their day. Ids that were issued before do not have it, and an
-- API process of the release before does not recognize those that do.
insert into system_settings (name, value)
select 'dated_ids_from', case
    when exists (select from system_settings where name = 'lanes')
        then floor(extract(epoch from now()) / 86400)::int + 1
    else 0
end;
