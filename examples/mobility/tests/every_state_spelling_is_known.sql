-- A spelling that the seed does not know would become null without a word.
select customers.customer_id, customers.state
from {{ source('bronze', 'customers') }} as customers
inner join {{ ref('stg_customers') }} as cleaned
    on cleaned.customer_id = customers.customer_id
where trim(customers.state) <> '' and cleaned.state is null
