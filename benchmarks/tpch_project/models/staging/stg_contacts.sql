with parties as (
    select
        'customer' as kind,
        c_custkey as party_id,
        c_nationkey as nation_id,
        trim(c_phone) as phone
    from {{ source('bronze', 'customer') }}
    union all
    select 'supplier', s_suppkey, s_nationkey, trim(s_phone)
    from {{ source('bronze', 'supplier') }}
),

numbers as (
    select
        *,
        cast(split_part(phone, '-', 1) as int) as phone_code
    from parties
)

select
    numbers.kind || '-' || cast(numbers.party_id as string) as contact_key,
    numbers.kind,
    numbers.party_id,
    nations.nation_name,
    numbers.phone,
    numbers.phone_code,
    coalesce(numbers.phone_code = nations.phone_code, false) as is_phone_plausible
from numbers
left join {{ ref('stg_nations') }} as nations
    on nations.nation_id = numbers.nation_id
