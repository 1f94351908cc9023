select part_id, count(distinct color) as colors
from {{ ref('stg_part_colors') }}
group by part_id
having count(distinct color) <> 5 or max(position) <> 5
