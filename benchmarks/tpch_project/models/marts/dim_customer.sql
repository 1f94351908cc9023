select
    customer_id,
    customer_name,
    nation_name,
    region_name,
    currency_code,
    phone,
    segment,
    balance,
    false as is_unknown
from {{ ref('stg_customers') }}

union all

select -1, 'Unknown customer', null, null, null, null, null, null, true
