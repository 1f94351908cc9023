select
    customer_id,
    first_name || ' ' || last_name as full_name,
    email,
    is_email_valid,
    phone,
    city,
    state,
    country,
    false as is_unknown
from {{ ref('stg_customers') }}

union all

select -1, 'Unknown customer', null, false, null, null, null, null, true
