select line_id, shipped_on, received_on, days_in_transit
from {{ ref('stg_deliveries') }}
where days_in_transit < 0
