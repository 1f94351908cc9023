-- The name of each file states its quarter: Charging_Sessions_Dundee_010917_-_011217 is 1 September to 1 December 2017.
with quarters as (
    select
        session_id,
        start_at,
        source_file,
        try_strptime(regexp_extract(source_file, '_(\d{6})_?-_(\d{6})', 1), '%d%m%y') as first_day,
        try_strptime(regexp_extract(source_file, '_(\d{6})_?-_(\d{6})', 2), '%d%m%y') as last_day
    from {{ ref('stg_dundee_sessions') }}
)

select *
from quarters
where (start_at >= first_day and start_at < last_day + interval 1 day) is not true
