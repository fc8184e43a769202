"""The suite: tests by clause area, run by pytest against one backend.

pytest --pyargs convformance.suite -p convformance.plugin --backend torch
"""
