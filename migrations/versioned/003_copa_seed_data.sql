-- Reference data of the tenant: Copa Airlines. Each row names its source; "unverified" marks what no public source confirms.

INSERT INTO airlines (id, designator, accounting_code, name, hub) VALUES (1, 'CM', '230', 'Copa Airlines', 'PTY');

INSERT INTO tag_issuers (accounting_code, designator, name, source) VALUES
    ('230', 'CM', 'Copa Airlines', 'public accounting code tables'),
    ('134', 'AV', 'Avianca', 'public accounting code tables'),
    ('220', 'LH', 'Lufthansa', 'public accounting code tables'),
    ('235', 'TK', 'Turkish Airlines', 'public accounting code tables'),
    ('047', 'TP', 'TAP Air Portugal', 'public accounting code tables'),
    ('117', 'SK', 'SAS', 'Avinor bag message samples'),
    ('125', 'BA', 'British Airways', 'Wikipedia, Bag tag'),
    ('014', 'AC', 'Air Canada', 'boarding pass bar code samples'),
    ('845', 'P5', 'Copa Airlines Colombia', 'public designator lists'),
    ('016', 'UA', 'United Airlines', 'unverified'),
    ('724', 'LX', 'SWISS', 'unverified'),
    ('257', 'OS', 'Austrian Airlines', 'unverified'),
    ('082', 'SN', 'Brussels Airlines', 'unverified'),
    ('071', 'ET', 'Ethiopian Airlines', 'unverified'),
    ('205', 'NH', 'All Nippon Airways', 'unverified'),
    ('618', 'SQ', 'Singapore Airlines', 'unverified');

INSERT INTO aircraft_types (code, name, seats, source) VALUES
    ('73G', 'Boeing 737-700', 124, 'Infobae 2021'),
    ('738', 'Boeing 737-800', 160, 'Airways Magazine 2024'),
    ('7M8', 'Boeing 737 MAX 8', 166, 'Gate Checked 2024'),
    ('7M9', 'Boeing 737 MAX 9', 166, 'Aeronautica PY 2019');

-- The hub's filed minima are not public: these are configurable starting values.
INSERT INTO connection_times (airline_id, airport, inbound_carrier, outbound_carrier, passenger_minutes, bag_minutes, source) VALUES
    (1, 'PTY', 'CM', 'CM', 45, 45, 'unverified'),
    (1, 'PTY', '', '', 60, 90, 'unverified');

INSERT INTO parties (airline_id, code, name, kind) VALUES
    (1, 'CM', 'Copa Airlines', 'CARRIER'),
    (1, 'HANDLER', 'Ground handler of the station', 'HANDLER'),
    (1, 'SCREENING', 'Security screening of the station', 'AUTHORITY'),
    (1, 'COURIER', 'Delivery company of the station', 'COURIER'),
    (1, 'PASSENGER', 'Passenger', 'PASSENGER');

INSERT INTO codes (list, code, label, source) VALUES
    ('COLOUR', 'WT', 'White or clear', 'unverified'),
    ('COLOUR', 'BK', 'Black', 'WorldTracer training 2010; wording unverified'),
    ('COLOUR', 'GY', 'Grey, silver or aluminium', 'public client code; wording unverified'),
    ('COLOUR', 'BU', 'Blue', 'public client code; wording unverified'),
    ('COLOUR', 'PU', 'Purple', 'unverified'),
    ('COLOUR', 'RD', 'Red, pink or maroon', 'public client code; wording unverified'),
    ('COLOUR', 'YW', 'Yellow, orange or gold', 'unverified'),
    ('COLOUR', 'BE', 'Beige or cream', 'unverified'),
    ('COLOUR', 'BN', 'Brown or tan', 'unverified'),
    ('COLOUR', 'GN', 'Green', 'unverified'),
    ('COLOUR', 'MC', 'Two or more solid colours', 'unverified'),
    ('COLOUR', 'PR', 'Patterned or printed', 'unverified'),
    ('COLOUR', 'TD', 'Tweed', 'unverified'),
    ('BAG_TYPE', '01', 'Horizontal hard case', 'unverified'),
    ('BAG_TYPE', '02', 'Upright hard case', 'unverified'),
    ('BAG_TYPE', '03', 'Horizontal suitcase with frame', 'unverified'),
    ('BAG_TYPE', '05', 'Horizontal soft case', 'unverified'),
    ('BAG_TYPE', '20', 'Garment bag', 'unverified'),
    ('BAG_TYPE', '22', 'Upright wheeled suitcase', 'WorldTracer training 2016'),
    ('BAG_TYPE', '23', 'Horizontal case with zip', 'unverified'),
    ('BAG_TYPE', '25', 'Duffel or sports bag', 'unverified'),
    ('BAG_TYPE', '26', 'Laptop or overnight bag', 'unverified'),
    ('BAG_TYPE', '27', 'Expandable case', 'unverified'),
    ('BAG_TYPE', '28', 'Woven bag', 'unverified'),
    ('BAG_TYPE', '29', 'Backpack', 'unverified'),
    ('BAG_TYPE', '99', 'Other', 'unverified'),
    ('ELEMENT', 'D', 'Dual material', 'unverified'),
    ('ELEMENT', 'L', 'Leather', 'unverified'),
    ('ELEMENT', 'M', 'Metal', 'unverified'),
    ('ELEMENT', 'R', 'Rigid', 'unverified'),
    ('ELEMENT', 'T', 'Textile', 'unverified'),
    ('ELEMENT', 'H', 'Retractable handle', 'unverified'),
    ('ELEMENT', 'W', 'Wheels', 'unverified'),
    ('ELEMENT', 'C', 'Combination lock', 'unverified'),
    ('ELEMENT', 'S', 'Straps', 'unverified'),
    ('ELEMENT', 'P', 'Pockets', 'unverified'),
    ('ELEMENT', 'Z', 'Zip', 'unverified'),
    ('ELEMENT', 'B', 'Drawstring', 'unverified'),
    ('ELEMENT', 'X', 'None', 'public client code'),
    ('REASON_FOR_LOSS', '11', 'Wrong or missing tag entries', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '12', 'Not checked to final destination', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '15', 'Tag switch', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '16', 'Too late from check-in', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '21', 'Left at origin, correctly tagged', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '26', 'Offloaded for space or weight', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '31', 'Loaded on the wrong aircraft', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '32', 'Offloaded by error', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '33', 'Not offloaded', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '41', 'Delivered to the wrong area', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '51', 'Passenger rerouted, bag not', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '52', 'Interline transfer, minimum connecting time available', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '53', 'Interline transfer, minimum connecting time not available', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '55', 'Online transfer, minimum connecting time available', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '56', 'Online transfer, minimum connecting time not available', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '62', 'Weather and other external causes', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '63', 'Airport security', 'WorldTracer public help, RP1743e'),
    ('REASON_FOR_LOSS', '64', 'Equipment failure', 'WorldTracer public help, RP1743e');
