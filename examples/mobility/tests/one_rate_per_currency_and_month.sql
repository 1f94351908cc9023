select currency_code, month, count(*) as rates
from {{ ref('stg_exchange_rates') }}
group by currency_code, month
having count(*) > 1
