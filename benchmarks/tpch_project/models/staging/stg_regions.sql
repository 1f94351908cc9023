select
    r_regionkey as region_id,
    {{ capitalised('r_name') }} as region_name
from {{ source('bronze', 'region') }}
