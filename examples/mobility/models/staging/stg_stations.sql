with raw as (
    select
        *,
        {{ normalised('station_type') }} as type_spelling,
        {{ normalised('operational_status') }} as status_spelling,
        {{ normalised('state') }} as state_spelling,
        {{ normalised('country') }} as country_spelling
    from {{ source('bronze', 'stations') }}
)

select
    raw.station_id,
    trim(raw.address) as address,
    trim(raw.city) as city,
    states.name as state,
    countries.name as country,
    raw.number_of_chargers,
    case raw.type_spelling when 'level 2' then 'Level 2' when 'dc fast' then 'DC Fast' end as station_type,
    case raw.status_spelling
        when 'operational' then 'Operational'
        when 'under maintenance' then 'Under Maintenance'
        when 'out of service' then 'Out of Service'
    end as operational_status
from raw
left join {{ ref('place_spellings') }} as states
    on states.kind = 'state' and states.spelling = raw.state_spelling
left join {{ ref('place_spellings') }} as countries
    on countries.kind = 'country' and countries.spelling = raw.country_spelling
