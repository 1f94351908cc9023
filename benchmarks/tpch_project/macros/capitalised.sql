{#- One spelling of a name: "MIDDLE EAST" -> "Middle east". -#}
{% macro capitalised(text) -%}
    upper(left(trim({{ text }}), 1)) || lower(substr(trim({{ text }}), 2))
{%- endmacro %}
