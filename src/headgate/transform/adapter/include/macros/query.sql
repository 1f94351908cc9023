{#- The query whose result becomes the table: the compiled SQL, its columns in the order of an enforced contract;
    or, of a Python model, what its function returned. -#}
{% macro headgate_query(code, language) %}
  {%- if language == 'python' -%}
    {%- set query = adapter.python_query(code, model) -%}
  {%- else -%}
    {%- do adapter.assert_one_query(code, model) -%}
    {%- set header = config.get('sql_header') -%}
    {%- if header is not none -%}{%- do run_query(header) -%}{%- endif -%}
    {%- set query = code -%}
  {%- endif -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced -%}
    {{ get_assert_columns_equivalent(query) }}
    {%- set query = get_select_subquery(query) -%}
  {%- endif -%}
  {{ return(query) }}
{% endmacro %}


{#- What dbt wants to find as the result of the statement `main`. -#}
{% macro headgate_written(query, response) %}
  {%- call noop_statement('main', response | string, response.code, response.rows_affected) -%}
    {{ query }}
  {%- endcall -%}
{% endmacro %}
