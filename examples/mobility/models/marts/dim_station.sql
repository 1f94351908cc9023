-- Stations of both networks. Dundee publishes no list of charge points: they are known from their sessions, as are
-- ChargeNet's stations that sessions name and the list does not (is_inferred).
with chargenet as (
    select
        'chargenet-' || station_id as station_key,
        'ChargeNet' as network,
        address || ', ' || city as station_name,
        city,
        country,
        station_type,
        operational_status,
        number_of_chargers,
        false as is_inferred
    from {{ ref('stg_stations') }}
),

chargenet_unlisted as (
    select distinct
        'chargenet-' || sessions.station_id as station_key,
        'ChargeNet' as network,
        'Unlisted station ' || sessions.station_id as station_name,
        null as city,
        null as country,
        null as station_type,
        null as operational_status,
        null as number_of_chargers,
        true as is_inferred
    from {{ ref('stg_charging_sessions') }} as sessions
    left join {{ ref('stg_stations') }} as stations
        on stations.station_id = sessions.station_id
    where stations.station_id is null
),

dundee as (
    select
        'dundee-' || coalesce(charge_point_id, 'unknown') as station_key,
        'Dundee' as network,
        -- Charge points were renamed over the year: the last name counts.
        coalesce(arg_max(site, (start_at, session_id)), 'Unknown charge point') as station_name,
        'Dundee' as city,
        'United Kingdom' as country,
        arg_max(charger_model, (start_at, session_id)) as station_type,
        null as operational_status,
        case when charge_point_id is not null then count(distinct connector)::integer end as number_of_chargers,
        true as is_inferred
    from {{ ref('stg_dundee_sessions') }}
    group by charge_point_id
)

select * from chargenet
union all
select * from chargenet_unlisted
union all
select * from dundee
