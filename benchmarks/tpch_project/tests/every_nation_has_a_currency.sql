-- A nation that the seed does not know would lose its currency without a word.
select nations.n_name
from {{ source('bronze', 'nation') }} as nations
left join {{ ref('country_currencies') }} as currencies
    on lower(currencies.country) = lower(trim(nations.n_name))
where currencies.country is null
