"""What is a megawatt of AI compute worth, put to its best use, and does its owner survive a slump?

The rooms follow the chain: catalogue, workload, hardware, training, facility, mining, dispatch, finance,
risk, scenario, chain, results, validation, report, cli. A room imports only from rooms before it.
"""

__version__ = "0.1.0"
