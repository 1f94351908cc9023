select session_key, start_at, end_at, duration_minutes
from {{ ref('fact_charging_session') }}
where duration_minutes < 0
