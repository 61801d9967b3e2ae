"""Sizing: does a model fit, how fast is it, how many replicas does a load need, how long does a start take.

Not here: which instance is chosen and what it costs (inferplan.plan, inferplan.cost).
"""

from inferplan.sizing.config_json import shapes_from_config as shapes_from_config
from inferplan.sizing.memory import VLLM_VERSION as VLLM_VERSION
from inferplan.sizing.memory import Fit as Fit
from inferplan.sizing.memory import fit as fit
from inferplan.sizing.operating_point import FAILURE_UTILIZATION as FAILURE_UTILIZATION
from inferplan.sizing.operating_point import Objectives as Objectives
from inferplan.sizing.operating_point import OperatingPoint as OperatingPoint
from inferplan.sizing.operating_point import operating_point as operating_point
from inferplan.sizing.operating_point import planned_model_len as planned_model_len
from inferplan.sizing.operating_point import replicas as replicas
from inferplan.sizing.shapes import ModelShapes as ModelShapes
from inferplan.sizing.shapes import ShapesError as ShapesError
from inferplan.sizing.shapes import shapes_of as shapes_of
from inferplan.sizing.startup import StartupEstimate as StartupEstimate
from inferplan.sizing.startup import startup as startup
from inferplan.sizing.throughput import Performance as Performance
from inferplan.sizing.throughput import throughput as throughput
from inferplan.sizing.weights import Weights as Weights
from inferplan.sizing.weights import weights as weights
from inferplan.sizing.work import NoThroughput as NoThroughput

__all__ = [
    "FAILURE_UTILIZATION",
    "VLLM_VERSION",
    "Fit",
    "ModelShapes",
    "NoThroughput",
    "Objectives",
    "OperatingPoint",
    "Performance",
    "ShapesError",
    "StartupEstimate",
    "Weights",
    "fit",
    "operating_point",
    "planned_model_len",
    "replicas",
    "shapes_from_config",
    "shapes_of",
    "startup",
    "throughput",
    "weights",
]
