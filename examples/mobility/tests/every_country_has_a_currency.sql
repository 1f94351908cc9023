-- A country that the seed does not know would drop out of the exchange rates without a word.
select distinct rates.country
from {{ source('bronze', 'exchange_rates') }} as rates
left join {{ ref('country_currencies') }} as currencies
    on currencies.country = rates.country
where currencies.country is null
