"""The columns and indexes that the specification of the tables names; runfold added all others."""

from __future__ import annotations

from typing import NamedTuple


class Named(NamedTuple):
    """The columns and indexes that the specification gives a table."""

    columns: frozenset[str]
    indexes: frozenset[str]


def _named(columns: str, indexes: str) -> Named:
    return Named(frozenset(columns.split()), frozenset(indexes.split()))


SPECIFIED: dict[str, Named] = {
    "workflow_executions": _named(
        "id execution_id workflow_id status mode triggered_by parent_execution_id start_time end_time run_data metadata"
        " error_message error_details created_at",
        "idx_executions_workflow_id idx_executions_status idx_executions_status_created idx_executions_execution_id",
    ),
    "node_executions": _named(
        "id execution_id node_id node_type status start_time end_time input_data output_data error_data retry_count"
        " max_retries created_at",
        "idx_node_executions_execution_id idx_node_executions_node_id idx_node_executions_status",
    ),
    "workflow_execution_logs": _named(
        "id execution_id log_category event_type level message data node_id node_name node_type step_number total_steps"
        " progress_percentage duration_seconds user_friendly_message display_priority is_milestone technical_details"
        " stack_trace performance_metrics created_at",
        "idx_workflow_execution_logs_execution_id idx_workflow_execution_logs_category"
        " idx_workflow_execution_logs_level idx_workflow_execution_logs_priority",
    ),
    "workflow_execution_pauses": _named(
        "id execution_id paused_at paused_node_id pause_reason resume_conditions resumed_at resume_trigger status"
        " created_at updated_at",
        "idx_workflow_execution_pauses_execution idx_workflow_execution_pauses_active"
        " idx_workflow_execution_pauses_node",
    ),
    "human_interactions": _named(
        "id workflow_id execution_id node_id interaction_type channel_type status priority request_data response_data"
        " created_at updated_at responded_at timeout_at correlation_id tags",
        "idx_human_interactions_workflow idx_human_interactions_status idx_human_interactions_pending_timeout"
        " idx_human_interactions_correlation",
    ),
    "hil_responses": _named(
        "id workflow_id source_channel raw_payload headers status processed_at matched_interaction_id"
        " ai_relevance_score ai_reasoning received_at created_at",
        "idx_hil_responses_workflow idx_hil_responses_status idx_hil_responses_unprocessed idx_hil_responses_matched",
    ),
    "trigger_index": _named(
        "id workflow_id trigger_type trigger_subtype trigger_config index_key deployment_status is_active created_at"
        " updated_at",
        "idx_trigger_index_type idx_trigger_index_key idx_trigger_index_lookup",
    ),
    "workflow_deployment_history": _named(
        "id workflow_id deployment_action from_status to_status deployment_version deployment_config triggered_by"
        " started_at completed_at error_message deployment_logs",
        "idx_deployment_history_workflow_id idx_deployment_history_action idx_deployment_history_started_at",
    ),
}
"""The names by table; runfold added every table that is not here."""
