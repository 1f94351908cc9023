{{ config(materialized='incremental', incremental_strategy='merge', unique_key='session_key', on_schema_change='fail') }}

with chargenet as (
    select
        'chargenet-' || session_id as session_key,
        'ChargeNet' as network,
        'chargenet-' || station_id as station_key,
        start_at,
        end_at,
        energy_kwh::decimal(10, 3) as energy_kwh,
        cost_usd,
        _load_id
    from {{ ref('stg_charging_sessions') }}
),

dundee as (
    select
        'dundee-' || sessions.session_id as session_key,
        'Dundee' as network,
        'dundee-' || coalesce(sessions.charge_point_id, 'unknown') as station_key,
        sessions.start_at,
        sessions.end_at,
        sessions.energy_kwh,
        round(sessions.cost_gbp / rates.units_per_usd, 2)::decimal(10, 2) as cost_usd,
        sessions._load_id
    from {{ ref('stg_dundee_sessions') }} as sessions
    left join {{ ref('stg_exchange_rates') }} as rates
        on rates.currency_code = 'GBP'
        and rates.month = date_trunc('month', sessions.start_at)
),

sessions as (
    select * from chargenet
    union all
    select * from dundee
)

select
    session_key,
    network,
    station_key,
    start_at,
    end_at,
    start_at::date as start_date,
    hour(start_at)::integer as start_hour,
    -- Times are local: an end before its start is the hour that the clock gave back in October.
    (date_diff('minute', start_at, end_at) + case when end_at < start_at then 60 else 0 end)::integer as duration_minutes,
    energy_kwh,
    cost_usd,
    _load_id
from sessions
{% if is_incremental() %}
-- Only the loads that are new here. A corrected session comes with a new load and replaces its row; a session that a
-- source no longer has stays until a full refresh, and the reconciliation says so.
where _load_id not in (select distinct _load_id from {{ this }})
{% endif %}
