with observed as (
    -- Days on which the network reported at all: Dundee's quarters have holes.
    select
        network,
        count(distinct start_date) as observed_days
    from {{ ref('fact_charging_session') }}
    group by network
),

totals as (
    select
        station_key,
        count(*) as sessions,
        sum(energy_kwh)::decimal(14, 3) as energy_kwh,
        sum(cost_usd)::decimal(14, 2) as revenue_usd,
        sum(duration_minutes)::bigint as connected_minutes
    from {{ ref('fact_charging_session') }}
    group by station_key
)

select
    stations.station_key,
    stations.network,
    stations.station_name,
    stations.station_type,
    stations.number_of_chargers,
    observed.observed_days,
    coalesce(totals.sessions, 0) as sessions,
    coalesce(totals.energy_kwh, 0)::decimal(14, 3) as energy_kwh,
    coalesce(totals.revenue_usd, 0)::decimal(14, 2) as revenue_usd,
    coalesce(totals.connected_minutes, 0) as connected_minutes,
    round(
        100.0 * coalesce(totals.connected_minutes, 0) / (stations.number_of_chargers * observed.observed_days * 24 * 60), 2
    )::decimal(6, 2) as utilisation_percent
from {{ ref('dim_station') }} as stations
inner join observed
    on observed.network = stations.network
left join totals
    on totals.station_key = stations.station_key
