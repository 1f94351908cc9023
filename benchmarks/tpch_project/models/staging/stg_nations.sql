with raw as (
    select
        *,
        {{ capitalised('n_name') }} as nation_name
    from {{ source('bronze', 'nation') }}
)

select
    raw.n_nationkey as nation_id,
    raw.nation_name,
    regions.region_name,
    currencies.currency_code,
    -- Telephone numbers begin with the nation's number and ten.
    raw.n_nationkey + 10 as phone_code
from raw
left join {{ ref('stg_regions') }} as regions
    on regions.region_id = raw.n_regionkey
left join {{ ref('country_currencies') }} as currencies
    on currencies.country = raw.nation_name
