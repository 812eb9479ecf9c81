// In cuda.h.
#pragma once
