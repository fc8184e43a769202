"""Diagnosis: why a backend's answer differs, told only where it is proven."""

from convformance.diagnosis import (
    faults_channels,
    faults_leaks,
    faults_norms,
    faults_phases,
    faults_rounding,
    faults_values,
    faults_windows,
)
from convformance.diagnosis.faults import CATALOGUE, Fault
from convformance.diagnosis.search import Diagnosis, diagnose
from convformance.diagnosis.tapmap import TapMap, tap_map

__all__ = [
    "CATALOGUE",
    "Diagnosis",
    "Fault",
    "TapMap",
    "diagnose",
    "faults_channels",
    "faults_leaks",
    "faults_norms",
    "faults_phases",
    "faults_rounding",
    "faults_values",
    "faults_windows",
    "tap_map",
]
