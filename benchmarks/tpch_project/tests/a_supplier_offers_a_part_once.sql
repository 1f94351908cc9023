select part_id, supplier_id, count(*) as offers
from {{ ref('stg_part_suppliers') }}
group by part_id, supplier_id
having count(*) > 1
