{#- The number at the end of a name: "Clerk#000000951" -> 951. -#}
{% macro number_after(text) -%}
    cast(split_part({{ text }}, '#', 2) as int)
{%- endmacro %}
