{#- Undo what a spreadsheet does to 3/12/2017 when it expects months first. A day above 12 could not be swapped. -#}
{% macro swap_day_and_month(day) -%}
    case when day({{ day }}) <= 12 then make_date(year({{ day }}), day({{ day }}), month({{ day }})) else {{ day }} end
{%- endmacro %}
