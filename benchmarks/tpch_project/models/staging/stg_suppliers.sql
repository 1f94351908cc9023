with raw as (
    select
        *,
        {{ number_after('s_name') }} as number_in_name
    from {{ source('bronze', 'supplier') }}
)

select
    raw.s_suppkey as supplier_id,
    'Supplier ' || cast(raw.number_in_name as string) as supplier_name,
    trim(raw.s_address) as address,
    nations.nation_name,
    nations.region_name,
    nations.currency_code,
    nullif(trim(raw.s_phone), '') as phone,
    raw.s_acctbal as balance,
    -- The better business bureau leaves its word in the comment.
    raw.s_comment like '%Customer%Complaints%' as has_complaints,
    raw.s_comment like '%Customer%Recommends%' as is_recommended
from raw
left join {{ ref('stg_nations') }} as nations
    on nations.nation_id = raw.s_nationkey
