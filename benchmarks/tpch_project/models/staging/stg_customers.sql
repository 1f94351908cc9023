with raw as (
    select
        *,
        {{ number_after('c_name') }} as number_in_name
    from {{ source('bronze', 'customer') }}
)

select
    raw.c_custkey as customer_id,
    'Customer ' || cast(raw.number_in_name as string) as customer_name,
    trim(raw.c_address) as address,
    nations.nation_name,
    nations.region_name,
    nations.currency_code,
    nullif(trim(raw.c_phone), '') as phone,
    lower(trim(raw.c_mktsegment)) as segment,
    raw.c_acctbal as balance,
    raw.c_acctbal < 0 as is_in_debt
from raw
left join {{ ref('stg_nations') }} as nations
    on nations.nation_id = raw.c_nationkey
