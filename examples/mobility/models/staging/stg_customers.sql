with raw as (
    select
        *,
        lower(trim(email)) as email_text,
        {{ normalised('state') }} as state_spelling,
        {{ normalised('country') }} as country_spelling
    from {{ source('bronze', 'customers') }}
),

checked as (
    select
        *,
        coalesce(regexp_full_match(email_text, '[^@\s]+@[^@\s]+\.[a-z]{2,}'), false) as is_email_valid
    from raw
)

select
    checked.customer_id,
    upper(left(trim(first_name), 1)) || lower(substr(trim(first_name), 2)) as first_name,
    upper(left(trim(last_name), 1)) || lower(substr(trim(last_name), 2)) as last_name,
    case when is_email_valid then email_text end as email,
    is_email_valid,
    nullif(nullif(trim(phone), ''), 'N/A') as phone,
    trim(address) as address,
    trim(city) as city,
    states.name as state,
    countries.name as country
from checked
left join {{ ref('place_spellings') }} as states
    on states.kind = 'state' and states.spelling = checked.state_spelling
left join {{ ref('place_spellings') }} as countries
    on countries.kind = 'country' and countries.spelling = checked.country_spelling
